#ifndef AIMSTORS_CNNG_H
#define AIMSTORS_CNNG_H

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>

#include <stdbool.h>
#include <stdint.h>

// What must be C: starting the next operation of an aio inside its own callback, where the order
// matters (a REQ context may receive only after its send has completed), and macros of nng.h.

// ---- One call of a requester: a REQ context with one aio ----

typedef struct cnng_call cnng_call;

// A connection has begun to write the request; messages that were before it are written.
typedef void (*cnng_call_sent)(void *owner, uint32_t slot);

// The end of one call. `reply` is the receiver's to free, NULL unless `result` is 0. `sent` tells
// whether the request was handed to a connection.
typedef void (*cnng_call_done)(
    void *owner, uint32_t slot, int result, bool sent, nng_msg *reply);

int cnng_call_open(
    cnng_call **call, nng_socket socket, uint32_t slot, void *owner, cnng_call_sent sent,
    cnng_call_done done);

// Sends `request`, which becomes the call's, and reports once: the reply, or why there is none.
// The timeout is a backstop; deadlines are the caller's.
void cnng_call_start(cnng_call *call, nng_msg *request, nng_duration timeout);

// Ends what runs, if anything does; the end is reported as usual.
void cnng_call_abort(cnng_call *call);

// Ends what runs and lets nothing start again. No report comes after it returns.
void cnng_call_stop(cnng_call *call);

// Only after every aio of the process's closing sockets has been stopped.
void cnng_call_free(cnng_call *call);

// ---- One receiver: a REP context with one aio ----

typedef struct cnng_serve cnng_serve;

// A request has arrived; it is the receiver's to free. Nothing more comes until the answer, which
// may be given from within.
typedef void (*cnng_serve_received)(void *owner, uint32_t slot, nng_msg *request);

int cnng_serve_open(
    cnng_serve **serve, nng_socket socket, uint32_t slot, void *owner,
    cnng_serve_received received);

// Waits for the first request.
void cnng_serve_start(cnng_serve *serve);

// Answers the request received last, then waits for the next. `reply` becomes the context's.
void cnng_serve_reply(cnng_serve *serve, nng_msg *reply);

void cnng_serve_stop(cnng_serve *serve);
void cnng_serve_free(cnng_serve *serve);

// ---- A subscriber: receives until stopped ----

typedef struct cnng_subscription cnng_subscription;

// A publication has arrived; it is the receiver's to free.
typedef void (*cnng_published)(void *owner, nng_msg *publication);

int cnng_subscription_open(
    cnng_subscription **subscription, nng_socket socket, void *owner, cnng_published published);
void cnng_subscription_start(cnng_subscription *subscription);
void cnng_subscription_stop(cnng_subscription *subscription);
void cnng_subscription_free(cnng_subscription *subscription);

#endif
