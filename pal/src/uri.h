/*
 * URIs of streams: `scheme:rest`, and the addresses in those of sockets.
 */
#ifndef PAL_URI_H
#define PAL_URI_H

#include "pal/pal.h"

enum uri_scheme {
    URI_BAD = 0,
    URI_FILE,
    URI_DIR,
    URI_DEV,
    URI_PIPE,
    URI_PIPE_SRV,
    URI_TCP,
    URI_TCP_SRV,
    URI_UDP,
    URI_UDP_SRV,
    URI_EVENTFD,
};

/* *rest: what follows the colon, within `uri`. URI_BAD: no or an unknown scheme. */
enum uri_scheme pal_uri_parse(PAL_STR uri, PAL_STR* rest);

/* An address and port of either family; bytes in network order. */
struct uri_addr {
    bool v6;
    uint8_t bytes[16]; /* IPv4: the first four */
    uint16_t port;     /* host order */
};

/* The longest text pal_uri_format_addr() makes, with its NUL. */
#define URI_ADDR_TEXT 56

/* `1.2.3.4:80` or `[::1]:80` and nothing behind it. PAL_ERROR_INVAL otherwise. */
int pal_uri_parse_addr(PAL_STR text, struct uri_addr* addr);
/* The same text back (IPv6 as RFC 5952 writes it); returns its length. */
size_t pal_uri_format_addr(const struct uri_addr* addr, char text[URI_ADDR_TEXT]);

#endif /* PAL_URI_H */
