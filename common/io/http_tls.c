#include "common/io/http_parts.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* An offer without http/1.1 is refused; no offer is taken as HTTP/1.1. */
static int alpn_choose(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *offer, unsigned offer_n, void *user)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    (void)user;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, offer, offer_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Tells of a file that OpenSSL could not use (@done is not 1). */
static bool file_used(int done, const char *what, const char *path)
{
    if (done == 1) return true;
    const char *reason = ERR_reason_error_string(ERR_get_error());

    ERR_clear_error();
    return err_raise(ERR_UNAVAILABLE, "cannot use the %s %s: %s", what, path,
                     reason ? reason : "unreadable") == ERR_OK;
}

/* Each of them that cannot be used is told. */
static bool files_use(SSL_CTX *tls, const struct http_tls *files)
{
    const bool ca =
        file_used(SSL_CTX_load_verify_locations(tls, files->ca, NULL), "CA file", files->ca);
    const bool cert = file_used(SSL_CTX_use_certificate_chain_file(tls, files->cert),
                                "certificate", files->cert);
    const bool key = file_used(SSL_CTX_use_PrivateKey_file(tls, files->key, SSL_FILETYPE_PEM),
                               "private key", files->key);

    return ca && cert && key;
}

err_t http_tls_new(const struct http_tls *files, SSL_CTX **ret)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    if (!tls) return err_raise(ERR_INTERNAL, "no TLS context");
    SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_alpn_select_cb(tls, alpn_choose, NULL);
    /* No tickets: a resumed session would outlive its certificate. */
    SSL_CTX_set_num_tickets(tls, 0);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(tls, SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_RENEGOTIATION);
    if (!files_use(tls, files)) {
        SSL_CTX_free(tls);
        return ERR_UNAVAILABLE;
    }
    *ret = tls;
    return ERR_OK;
}

/* A name that is not plain text (a NUL in the middle) is no name. */
void http_tls_peer(SSL *ssl, char peer[PEER_MAX + 1])
{
    X509 *cert = SSL_get0_peer_certificate(ssl);
    X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;
    const int at = subject ? X509_NAME_get_index_by_NID(subject, NID_commonName, -1) : -1;

    peer[0] = '\0';
    if (at < 0) return;
    const ASN1_STRING *cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    const int n = ASN1_STRING_length(cn);
    const unsigned char *text = ASN1_STRING_get0_data(cn);
    if (n > PEER_MAX) return;
    for (int i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f) return;
    memcpy(peer, text, (size_t)n);
    peer[n] = '\0';
}
