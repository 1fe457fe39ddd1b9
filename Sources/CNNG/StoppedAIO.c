// Mends a lock-up of NNG 1.5.2 (nanomsg/nng issues 1543 and 1813).
//
// A message is read in two steps, its length and then its body, each an operation of the
// connection's aio. Where a connection is closed between the two, that aio is stopped already, and
// `nni_aio_begin` refuses the second step without a word: no callback comes. The receive above
// it, whose own cancellation came while the first step was ending, waits without end, and so does
// the one thread that gives connections back (`nng:reap2`): no connection's end is told any more,
// no socket can be closed. Under load a few closes are enough. Sends cut in two are the same.
//
// So the refusal is reported, as later NNGs do (`nni_aio_start`); NNG's callers go on to close what
// they were closing. It is reported as a connection that the peer has shut: `NNG_ECANCELED` and
// `NNG_ECLOSED` of one connection have a listener believe that itself was closed, and errors that
// are tried again at once would be tried for ever.
//
// Aios of our own keep the old way: after `nng_aio_stop` has returned nothing is reported.

#include "StoppedAIO.h"

// Not of NNG's public interface; from its archive, in which they are global.
int  __real_nni_aio_begin(nng_aio *aio);
void nni_aio_finish_error(nng_aio *aio, int result);

// The aio whose operation this thread is starting for us.
static _Thread_local nng_aio *ours;

int
__wrap_nni_aio_begin(nng_aio *aio)
{
	int result = __real_nni_aio_begin(aio);
	if (result != 0 && aio != ours) {
		nni_aio_finish_error(aio, NNG_ECONNSHUT);
	}
	return (result);
}

// A callback may run within, on this thread, and start an operation of another aio.

void
cnng_ctx_send(nng_ctx ctx, nng_aio *aio)
{
	nng_aio *outer = ours;
	ours           = aio;
	nng_ctx_send(ctx, aio);
	ours = outer;
}

void
cnng_ctx_recv(nng_ctx ctx, nng_aio *aio)
{
	nng_aio *outer = ours;
	ours           = aio;
	nng_ctx_recv(ctx, aio);
	ours = outer;
}

void
cnng_recv_aio(nng_socket socket, nng_aio *aio)
{
	nng_aio *outer = ours;
	ours           = aio;
	nng_recv_aio(socket, aio);
	ours = outer;
}
