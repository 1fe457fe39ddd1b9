#include "CNNG.h"
#include "StoppedAIO.h"

#include <stdlib.h>

// ---- Requester ----

struct cnng_call {
	nng_ctx        ctx;
	nng_aio       *aio;
	bool           receiving;
	uint32_t       slot;
	void          *owner;
	cnng_call_sent sent;
	cnng_call_done done;
};

static void
call_callback(void *argument)
{
	cnng_call *call   = argument;
	int        result = nng_aio_result(call->aio);
	nng_msg   *message;

	if (!call->receiving) {
		if (result == 0) {
			// Only now: a recv that times out while its send is pending crashes this NNG.
			call->receiving = true;
			call->sent(call->owner, call->slot);
			cnng_ctx_recv(call->ctx, call->aio);
			return;
		}
		// A message whose send failed is still ours.
		if ((message = nng_aio_get_msg(call->aio)) != NULL) {
			nng_aio_set_msg(call->aio, NULL);
			nng_msg_free(message);
		}
		call->done(call->owner, call->slot, result, false, NULL);
		return;
	}
	message = NULL;
	if (result == 0) {
		message = nng_aio_get_msg(call->aio);
		nng_aio_set_msg(call->aio, NULL);
	}
	call->done(call->owner, call->slot, result, true, message);
}

int
cnng_call_open(
    cnng_call **out, nng_socket socket, uint32_t slot, void *owner, cnng_call_sent sent,
    cnng_call_done done)
{
	int        rv;
	cnng_call *call = calloc(1, sizeof(*call));
	if (call == NULL) {
		return (NNG_ENOMEM);
	}
	call->slot  = slot;
	call->owner = owner;
	call->sent  = sent;
	call->done  = done;
	if ((rv = nng_ctx_open(&call->ctx, socket)) != 0) {
		free(call);
		return (rv);
	}
	// Never resend by itself: a request may run once only.
	rv = nng_ctx_set_ms(call->ctx, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	if (rv == 0) {
		rv = nng_aio_alloc(&call->aio, call_callback, call);
	}
	if (rv != 0) {
		nng_ctx_close(call->ctx);
		free(call);
		return (rv);
	}
	*out = call;
	return (0);
}

void
cnng_call_start(cnng_call *call, nng_msg *request, nng_duration timeout)
{
	call->receiving = false;
	nng_aio_set_timeout(call->aio, timeout);
	nng_aio_set_msg(call->aio, request);
	cnng_ctx_send(call->ctx, call->aio);
}

void
cnng_call_abort(cnng_call *call)
{
	nng_aio_abort(call->aio, NNG_ECANCELED);
}

void
cnng_call_stop(cnng_call *call)
{
	nng_aio_stop(call->aio);
}

void
cnng_call_free(cnng_call *call)
{
	nng_msg *message = nng_aio_get_msg(call->aio);
	if (message != NULL) {
		nng_msg_free(message);
	}
	nng_aio_free(call->aio);
	free(call);
}

// ---- Receiver ----

struct cnng_serve {
	nng_ctx             ctx;
	nng_aio            *aio;
	bool                receiving;
	uint32_t            slot;
	void               *owner;
	cnng_serve_received received;
};

static void
serve_callback(void *argument)
{
	cnng_serve *serve  = argument;
	int         result = nng_aio_result(serve->aio);
	nng_msg    *message;

	if (!serve->receiving) {
		if (result != 0 && (message = nng_aio_get_msg(serve->aio)) != NULL) {
			nng_aio_set_msg(serve->aio, NULL);
			nng_msg_free(message);
		}
		if (result == NNG_ECLOSED || result == NNG_ECANCELED) {
			return;
		}
		serve->receiving = true;
		cnng_ctx_recv(serve->ctx, serve->aio);
		return;
	}
	if (result == 0) {
		message = nng_aio_get_msg(serve->aio);
		nng_aio_set_msg(serve->aio, NULL);
		serve->received(serve->owner, serve->slot, message);
		return;
	}
	if (result == NNG_ECLOSED || result == NNG_ECANCELED) {
		return;
	}
	// Anything else concerns one connection, not this context.
	cnng_ctx_recv(serve->ctx, serve->aio);
}

int
cnng_serve_open(cnng_serve **out, nng_socket socket, uint32_t slot, void *owner,
    cnng_serve_received received)
{
	int         rv;
	cnng_serve *serve = calloc(1, sizeof(*serve));
	if (serve == NULL) {
		return (NNG_ENOMEM);
	}
	serve->slot     = slot;
	serve->owner    = owner;
	serve->received = received;
	if ((rv = nng_ctx_open(&serve->ctx, socket)) != 0) {
		free(serve);
		return (rv);
	}
	if ((rv = nng_aio_alloc(&serve->aio, serve_callback, serve)) != 0) {
		nng_ctx_close(serve->ctx);
		free(serve);
		return (rv);
	}
	nng_aio_set_timeout(serve->aio, NNG_DURATION_INFINITE);
	*out = serve;
	return (0);
}

void
cnng_serve_start(cnng_serve *serve)
{
	serve->receiving = true;
	cnng_ctx_recv(serve->ctx, serve->aio);
}

void
cnng_serve_reply(cnng_serve *serve, nng_msg *reply)
{
	serve->receiving = false;
	nng_aio_set_msg(serve->aio, reply);
	cnng_ctx_send(serve->ctx, serve->aio);
}

void
cnng_serve_stop(cnng_serve *serve)
{
	nng_aio_stop(serve->aio);
}

void
cnng_serve_free(cnng_serve *serve)
{
	nng_msg *message = nng_aio_get_msg(serve->aio);
	if (message != NULL) {
		nng_msg_free(message);
	}
	nng_aio_free(serve->aio);
	free(serve);
}

// ---- Subscriber ----

struct cnng_subscription {
	nng_socket     socket;
	nng_aio       *aio;
	void          *owner;
	cnng_published published;
};

static void
subscription_callback(void *argument)
{
	cnng_subscription *subscription = argument;
	int                result       = nng_aio_result(subscription->aio);

	if (result == 0) {
		nng_msg *message = nng_aio_get_msg(subscription->aio);
		nng_aio_set_msg(subscription->aio, NULL);
		subscription->published(subscription->owner, message);
	} else if (result == NNG_ECLOSED || result == NNG_ECANCELED) {
		return;
	}
	cnng_recv_aio(subscription->socket, subscription->aio);
}

int
cnng_subscription_open(
    cnng_subscription **out, nng_socket socket, void *owner, cnng_published published)
{
	int                rv;
	cnng_subscription *subscription = calloc(1, sizeof(*subscription));
	if (subscription == NULL) {
		return (NNG_ENOMEM);
	}
	subscription->socket    = socket;
	subscription->owner     = owner;
	subscription->published = published;
	if ((rv = nng_aio_alloc(&subscription->aio, subscription_callback, subscription)) != 0) {
		free(subscription);
		return (rv);
	}
	nng_aio_set_timeout(subscription->aio, NNG_DURATION_INFINITE);
	*out = subscription;
	return (0);
}

void
cnng_subscription_start(cnng_subscription *subscription)
{
	cnng_recv_aio(subscription->socket, subscription->aio);
}

void
cnng_subscription_stop(cnng_subscription *subscription)
{
	nng_aio_stop(subscription->aio);
}

void
cnng_subscription_free(cnng_subscription *subscription)
{
	nng_aio_free(subscription->aio);
	free(subscription);
}
