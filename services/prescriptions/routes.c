#include "services/prescriptions/prescriptions.h"

/* clang-format off */
const struct route prescriptions_routes[] = {
    {GET, "/v1/formulary", READ_RX, AUDIT_FORMULARY_READ, NULL, 2000, formulary_list,
     .reply = &drug_shape, .list = true,
     .about = "The drugs that can be prescribed, with the doses that pass the check."},
    {POST, "/v1/prescriptions", DRAFT_RX, AUDIT_RX_DRAFTED, &draft_shape, 3000, rx_draft,
     .again = rx_read, .reply = &rx_shape,
     .about = "Drafts a prescription and checks it: allergies, same therapy twice, dose."},
    {GET, "/v1/prescriptions", READ_RX, AUDIT_RX_READ, &prescription_query_shape, 3000, rx_list,
     .reply = &rx_shape, .list = true,
     .about = "The prescriptions of whom you may see; unsigned ones for those who write."},
    {GET, "/v1/prescriptions/{id}", READ_RX, AUDIT_RX_READ, NULL, 3000, rx_read,
     .reply = &rx_shape, .about = "One prescription with findings, signature and fills."},
    {POST, "/v1/prescriptions/{id}/check", DRAFT_RX, AUDIT_RX_CHECKED, NULL, 3000, rx_check,
     .reply = &rx_shape, .about = "Checks an unsigned prescription anew, by what is known now."},
    {POST, "/v1/prescriptions/{id}/sign", SIGN_RX, AUDIT_RX_SIGNED, &signing_shape, 3000, rx_sign,
     .repeat = rx_read, .reply = &rx_shape, .if_match = true,
     .about = "Checks once more and signs the version in If-Match, with a fresh second factor; "
              "findings need a reason."},
    {POST, "/v1/prescriptions/{id}/send", SEND_RX, AUDIT_RX_SENT, NULL, 3000, rx_send,
     .repeat = rx_read, .reply = &rx_shape,
     .about = "Gives a signed prescription to the pharmacies."},
    {POST, "/v1/prescriptions/{id}/cancel", CANCEL_RX, AUDIT_RX_CANCELLED, NULL, 3000, rx_cancel,
     .repeat = rx_read, .reply = &rx_shape,
     .about = "Ends a prescription; what was handed out stays handed out."},
    {POST, "/v1/prescriptions/{id}/fills", FILL_RX, AUDIT_RX_FILLED, NULL, 3000, rx_fill,
     .again = rx_read, .reply = &rx_shape,
     .about = "Hands out the quantity once, at most as often as was authorised."},
    {0},
};
/* clang-format on */
