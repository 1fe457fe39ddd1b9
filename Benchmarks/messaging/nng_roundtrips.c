// The comparison for `messaging.round_trips`: request/reply over NNG alone, in C.
//
// One process serves (REP contexts), one calls (REQ contexts) over loopback TCP, as two processes
// of a deployment do. A call receives only after its send has completed, never resends, and starts
// the next call from its own callback.
//
//   nng-roundtrips [in flight] [payload bytes] [seconds]     (defaults 64, 512, 10)
//
// Prints one JSON object: {"in_flight":64,"bytes":512,"seconds":10.0,"round_trips_per_second":N}

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/util/platform.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_IN_FLIGHT 256
#define WARM_UP_SECONDS 1.0

struct work {
	nng_ctx  ctx;
	nng_aio *aio;
	int      receiving;
};

static atomic_ullong completed;
static atomic_int    running = 1;
static size_t        payload = 512;

static void
check(int code, const char *what)
{
	if (code != 0) {
		fprintf(stderr, "%s: %s\n", what, nng_strerror(code));
		exit(1);
	}
}

static double
seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((double) now.tv_sec + (double) now.tv_nsec / 1e9);
}

static void
serve(void *argument)
{
	struct work *work = argument;
	int          code = nng_aio_result(work->aio);

	if (code != 0) {
		return;
	}
	if (!work->receiving) {
		work->receiving = 1;
		nng_ctx_recv(work->ctx, work->aio);
		return;
	}
	// The request's own message goes back as the reply.
	work->receiving = 0;
	nng_ctx_send(work->ctx, work->aio);
}

static void
call(struct work *work)
{
	nng_msg *message;

	check(nng_msg_alloc(&message, payload), "allocate");
	memset(nng_msg_body(message), 7, payload);
	work->receiving = 0;
	nng_aio_set_msg(work->aio, message);
	nng_ctx_send(work->ctx, work->aio);
}

static void
called(void *argument)
{
	struct work *work = argument;

	// The end of the run takes the server away from the calls under way.
	if (!atomic_load_explicit(&running, memory_order_relaxed)) {
		return;
	}
	check(nng_aio_result(work->aio), "call");
	if (!work->receiving) {
		work->receiving = 1;
		nng_ctx_recv(work->ctx, work->aio);
		return;
	}
	nng_msg_free(nng_aio_get_msg(work->aio));
	atomic_fetch_add_explicit(&completed, 1, memory_order_relaxed);
	call(work);
}

static void
run_server(int port_pipe)
{
	static struct work work[MOST_IN_FLIGHT];
	nng_socket         socket;
	nng_listener       listener;
	int                port;

	check(nng_rep0_open(&socket), "open");
	check(nng_listener_create(&listener, socket, "tcp://127.0.0.1:0"), "listener");
	check(nng_listener_start(listener, 0), "listen");
	check(nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port), "port");
	for (int i = 0; i < MOST_IN_FLIGHT; i++) {
		check(nng_ctx_open(&work[i].ctx, socket), "context");
		check(nng_aio_alloc(&work[i].aio, serve, &work[i]), "aio");
		work[i].receiving = 1;
		nng_ctx_recv(work[i].ctx, work[i].aio);
	}
	if (write(port_pipe, &port, sizeof(port)) != sizeof(port)) {
		exit(1);
	}
	for (;;) {
		pause();
	}
}

int
main(int argc, char **argv)
{
	static struct work work[MOST_IN_FLIGHT];
	int                in_flight = argc > 1 ? atoi(argv[1]) : 64;
	double             seconds   = argc > 3 ? atof(argv[3]) : 10;
	int                pipe_ends[2], port;
	pid_t              server;
	nng_socket         socket;
	char               url[64];

	if (argc > 2) {
		payload = (size_t) atol(argv[2]);
	}
	if (in_flight < 1 || in_flight > MOST_IN_FLIGHT || seconds <= 0 || payload < 1) {
		fprintf(stderr, "in flight: 1 to %d; bytes and seconds above 0\n", MOST_IN_FLIGHT);
		return (2);
	}
	// The child is started before NNG has threads: a fork afterwards would abort in it.
	if (pipe(pipe_ends) != 0 || (server = fork()) < 0) {
		perror("start the server");
		return (1);
	}
	if (server == 0) {
		run_server(pipe_ends[1]);
	}
	if (read(pipe_ends[0], &port, sizeof(port)) != sizeof(port)) {
		return (1);
	}
	check(nng_req0_open(&socket), "open");
	snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", port);
	check(nng_dial(socket, url, NULL, 0), "dial");
	for (int i = 0; i < in_flight; i++) {
		check(nng_ctx_open(&work[i].ctx, socket), "context");
		check(nng_ctx_set_ms(
		          work[i].ctx, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE),
		    "no resending");
		check(nng_aio_alloc(&work[i].aio, called, &work[i]), "aio");
		call(&work[i]);
	}
	nng_msleep((nng_duration) (WARM_UP_SECONDS * 1000));
	unsigned long long before = atomic_load(&completed);
	double             began  = seconds_now();
	nng_msleep((nng_duration) (seconds * 1000));
	unsigned long long after = atomic_load(&completed);
	double             time  = seconds_now() - began;

	printf("{\"in_flight\":%d,\"bytes\":%zu,\"seconds\":%.2f,"
	       "\"round_trips_per_second\":%.0f}\n",
	    in_flight, payload, time, (double) (after - before) / time);
	fflush(stdout);
	atomic_store(&running, 0);
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	_exit(0);
}
