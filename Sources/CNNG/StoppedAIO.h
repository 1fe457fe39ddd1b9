#ifndef AIMSTORS_STOPPED_AIO_H
#define AIMSTORS_STOPPED_AIO_H

#include <nng/nng.h>

// Operations of our own aios: once stopped, they are not reported (see StoppedAIO.c).
void cnng_ctx_send(nng_ctx ctx, nng_aio *aio);
void cnng_ctx_recv(nng_ctx ctx, nng_aio *aio);
void cnng_recv_aio(nng_socket socket, nng_aio *aio);

#endif
