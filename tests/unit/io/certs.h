/* certs - throw-away certificates for tests: CAs and what they sign, as PEM files. */
#pragma once

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

struct cert {
    EVP_PKEY *key;
    X509 *x509;
};

/* @issuer NULL: a CA of its own. Writes @path.pem and @path.key. */
static inline struct cert cert_new(const char *cn, const struct cert *issuer, const char *path)
{
    static long serial = 1;
    struct cert cert = {.key = EVP_EC_gen("P-256"), .x509 = X509_new()};
    X509_NAME *name = X509_get_subject_name(cert.x509);
    const struct cert *by = issuer ? issuer : &cert;
    char file[256];

    X509_set_version(cert.x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert.x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert.x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert.x509), 3600);
    X509_set_pubkey(cert.x509, cert.key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(cert.x509, X509_get_subject_name(by->x509));
    X509_EXTENSION *basic = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
                                                issuer ? "CA:FALSE" : "critical,CA:TRUE");
    X509_add_ext(cert.x509, basic, -1);
    X509_EXTENSION_free(basic);
    X509_sign(cert.x509, by->key, EVP_sha256());

    snprintf(file, sizeof file, "%s.pem", path);
    FILE *out = fopen(file, "w");
    assert(out);
    PEM_write_X509(out, cert.x509);
    fclose(out);
    snprintf(file, sizeof file, "%s.key", path);
    out = fopen(file, "w");
    assert(out);
    PEM_write_PrivateKey(out, cert.key, NULL, NULL, 0, NULL, NULL);
    fclose(out);
    return cert;
}

static inline void cert_free(struct cert cert)
{
    EVP_PKEY_free(cert.key);
    X509_free(cert.x509);
}
