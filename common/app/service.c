/* A process from its settings to its end. What it runs is told by tables; see service.h. */
#include "common/app/service.h"
#include "common/app/backlog.h"
#include "common/app/describe.h"
#include "common/app/hears.h"
#include "common/app/ready.h"
#include "common/app/request.h"
#include "common/app/reseal.h"
#include "common/app/run.h"
#include "common/app/session.h"
#include "common/app/sql.h"
#include "common/app/timer.h"
#include "common/app/worker.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/sanitizer.h"
#include "common/base/secret.h"
#include "common/crypto/aead.h"
#include "common/io/health.h"
#include "common/io/relay.h"
#include "common/io/sandbox.h"
#include "common/io/sql.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#define DRAIN_MS 20000
#define LOOP_TURN_MS_MAX (IS_SANITIZED ? 30000 : 5000) /* where all else is slower, too */
#define KEYS_CACHED_MAX 16384

enum { EXIT_USAGE = 64, EXIT_MISSING = 69, EXIT_BUG = 70, EXIT_SETTINGS = 78 };

static struct {
    const struct service *service;
    struct common_settings *settings;
    struct loop *loop;
    struct http *http;
    struct auth *auth;
    struct keys *keys;
    struct relay *relay;
    struct consumer *consumer;
    pthread_t effects;
    pthread_mutex_t effects_lock;
    pthread_cond_t effects_wake;
    bool effects_poked;
    _Atomic bool stopping;
} self = {.effects_lock = PTHREAD_MUTEX_INITIALIZER, .effects_wake = PTHREAD_COND_INITIALIZER};

#define AT(member) offsetof(struct common_settings, member)
static const struct setting common_settings[] = {
    {"listen", SETTING_PLACE, AT(listen), NULL, 0, 0,
     "address of the service: host:port, or a path (Unix socket); mutual TLS"},
    {"inner", SETTING_TEXT, AT(inner), "", 0, 0, "loopback address of /health and /metrics"},
    {"http_plain", SETTING_TEXT, AT(http_plain), "", 0, 0,
     "loopback address without TLS, for benches; refused in production"},
    {"db", SETTING_SECRET, AT(db), "", 0, 0, "libpq connection of the service's role"},
    {"db_owner", SETTING_SECRET, AT(db_owner), "", 0, 0,
     "libpq connection of the owner role, for --migrate"},
    {"kafka", SETTING_TEXT, AT(kafka), "", 0, 0,
     "bootstrap servers; empty: events wait in the outbox"},
    {"tls_ca", SETTING_PATH, AT(tls_ca), "", 0, 0,
     "certificates of the authority that signs every part"},
    {"tls_cert", SETTING_PATH, AT(tls_cert), "", 0, 0, "own certificate, CN = the service's name"},
    {"tls_key", SETTING_PATH, AT(tls_key), "", 0, 0, "own key, PKCS#8"},
    {"keyd", SETTING_PATH, AT(keyd), "", 0, 0, "keyd's Unix socket"},
    {"idp_keys", SETTING_PATH, AT(idp_keys), "", 0, 0, "key set (JWKS) of the identity provider"},
    {"issuer", SETTING_TEXT, AT(issuer), "", 0, 0, "the identity provider's issuer"},
    {"audience", SETTING_TEXT, AT(audience), "telecura-api", 0, 0,
     "audience that a token must name"},
    {"profile", SETTING_TEXT, AT(profile), "local", 0, 0, "local or production"},
    {"run_dir", SETTING_PLACE, AT(run_dir), "", 0, 0, "folder that this service may write"},
    {"access_public", SETTING_PATH, AT(access_public), "", 0, 0,
     "public keys that sign grants; access writes them, where its signing_key is"},
    {"appointments_public", SETTING_PATH, AT(appointments_public), "", 0, 0,
     "public keys that sign visit passes; appointments writes them, where its signing_key is"},
    {"workers", SETTING_INT, AT(workers), "4", 1, 64,
     "threads that run acts, one PostgreSQL connection each"},
    {"audit_rows_max", SETTING_INT, AT(audit_rows_max), "1000000", 10, INT64_MAX / 100,
     "audit rows that may wait here for the log (about 1 KiB each): from 80 % on bulk reads are "
     "refused, from 95 % on all but urgent care"},
    {"audit_heartbeat_s", SETTING_INT, AT(audit_heartbeat_s), "10", 1, 60,
     "how often the log is told which audit row was the last"},
    {"reseal_every_s", SETTING_INT, AT(reseal_every_s), "30", 1, 3600,
     "how often keyd is asked whose keys were renewed"},
    {"http_plain_only", SETTING_BOOL, AT(http_plain_only), "false", 0, 0,
     "no TLS listener: benches only"},
    {.key = NULL},
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'}, {"migrate", no_argument, NULL, 'm'},
    {"health", no_argument, NULL, 'h'},       {"verify", no_argument, NULL, 'v'},
    {"describe", no_argument, NULL, 'd'},     {NULL, 0, NULL, 0},
};

/* ---- what handlers may ask ---- */

const void *service_settings(void)
{
    return self.settings;
}
struct keys *service_keys(void)
{
    return self.keys;
}
bool service_stopping(void)
{
    return self.stopping;
}

bool service_caught_up(void)
{
    return !*self.settings->kafka ||
           (self.consumer && consumer_caught_up(self.consumer, TOPIC_REVOCATIONS));
}

void service_poke_effects(void)
{
    pthread_mutex_lock(&self.effects_lock);
    self.effects_poked = true;
    pthread_cond_signal(&self.effects_wake);
    pthread_mutex_unlock(&self.effects_lock);
}

void service_wait(unsigned ms)
{
    const int64_t until_us = clock_mono_us() + (int64_t)ms * MS_US;
    bool in_time = true;

    pthread_mutex_lock(&self.effects_lock);
    while (!self.effects_poked && !self.stopping && in_time)
        in_time = clock_wait(&self.effects_wake, &self.effects_lock, until_us);
    self.effects_poked = false;
    pthread_mutex_unlock(&self.effects_lock);
}

static _Thread_local struct arena *effects_arena;

err_t service_act(struct db *db, struct uuid org, enum audit_action audit, handler *run_it,
                  const void *in)
{
    const struct run run = {.may = PERMISSION_NONE,
                            .audit = audit,
                            .resource = "effect",
                            .ms = 10000,
                            .handler = run_it};
    const struct run_input input = {.org = org, .in = in, .if_match = -1};
    struct act act;

    if (!effects_arena) effects_arena = arena_new(ACT_ARENA_BYTES_MAX);
    const err_t err = run_act(&run, &input, db, effects_arena, &act);
    crypto_forget();
    arena_reset(effects_arena);
    return err;
}

void run_poke_relay(void)
{
    if (self.relay) relay_poke(self.relay);
}

void session_loop(void (*fn)(void *), void *user)
{
    loop_post(self.loop, fn, user);
}

static void sweep_keys(void *unused)
{
    (void)unused;
    keys_sweep(self.keys, clock_mono_us());
}

static void unpark_late(void *unused)
{
    (void)unused;
    workers_unpark_late();
}

static void take(struct http_call *call, void *unused)
{
    if (http_inner(call))
        ready_take(call);
    else
        request_take(call, unused);
}

/* ---- start and stop ---- */

static void stopped(void *unused)
{
    (void)unused;
    loop_stop(self.loop);
}

static void on_signal(evutil_socket_t number, short what, void *unused)
{
    (void)what, (void)unused;
    if (self.stopping) return;

    log_line(LOG_INFO, "stopping", "signal %d", (int)number);
    self.stopping = true;
    ready_end();
    session_drain();
    http_stop(self.http, DRAIN_MS, stopped, NULL);
}

static err_t listen_plain(void)
{
    const struct common_settings *set = self.settings;

    if (strcmp(set->profile, "production") == 0)
        return err_raise(ERR_BAD_REQUEST,
                         "http_plain is refused in production: remove it from the settings");
    return http_listen(self.http, set->http_plain, NULL, false, NULL);
}

/* The first that failed; each was told where it arose. */
static err_t worst_of(err_t err, err_t next)
{
    return err != ERR_OK ? err : next;
}

static err_t listen_all(void)
{
    const struct common_settings *set = self.settings;
    const struct http_tls tls = {set->tls_ca, set->tls_cert, set->tls_key};
    err_t err = ERR_OK;

    if (!set->http_plain_only) err = http_listen(self.http, set->listen, &tls, false, NULL);
    if (*set->inner) err = worst_of(err, http_listen(self.http, set->inner, NULL, true, NULL));
    if (*set->http_plain) err = worst_of(err, listen_plain());
    return err;
}

static const struct migration *const *migration_sets(void)
{
    static const struct migration *sets[4];

    sets[0] = io_migrations;
    sets[1] = app_migrations;
    sets[2] = self.service->migrations;
    return sets;
}

static err_t database_check(void)
{
    if (!self.service->migrations) return ERR_OK;

    struct db *db = db_new(self.settings->db, self.service->name);
    int64_t skew_us = 0;
    err_t err = db_check(db, &skew_us);
    if (err == ERR_OK) err = db_migrated(db, migration_sets());
    if (err == ERR_OK && llabs(skew_us) > READY_SKEW_US_MAX)
        err = err_raise(ERR_UNAVAILABLE,
                        "this clock is %lld ms off PostgreSQL's: timedatectl set-ntp true",
                        (long long)skew_us / 1000);
    db_free(db);
    return err;
}

static void *effects_main(void *unused)
{
    (void)unused;
    pthread_setname_np(pthread_self(), "effects");
    self.service->effects();
    effects_arena = arena_free(effects_arena);
    return NULL;
}

static void bus_start(const struct http_tls *tls)
{
    const struct common_settings *set = self.settings;

    if (!*set->kafka) return;

    if (self.service->migrations) {
        const struct relay_config relay = {
            .service = self.service->name, .conninfo = set->db, .kafka = set->kafka, .tls = tls,
            .keys = self.keys, .tails_s = set->audit_heartbeat_s,
            .heartbeat = self.service->owns_projections,
        };
        self.relay = relay_start(&relay);
    }
    self.consumer = hears_start(self.service, tls);
}

static err_t start(void)
{
    const struct common_settings *set = self.settings;
    static struct http_tls tls;
    const struct auth_config auth = {set->idp_keys, set->issuer, set->audience};
    const struct workers_config workers = {(unsigned)set->workers,
                                           self.service->migrations ? set->db : NULL,
                                           self.service->name};

    tls = (struct http_tls){set->tls_ca, set->tls_cert, set->tls_key};
    err_t err = database_check();
    self.loop = loop_new();
    self.auth = auth_new(&auth);
    self.keys = *set->keyd ? keys_new(set->keyd, &tls, KEYS_CACHED_MAX) : NULL;
    run_set_service(self.service->name, self.keys);
    self.http = http_new(self.loop, &HTTP_LIMITS, take, NULL);
    backlog_init(set->audit_rows_max);
    requests_init(&(struct requests){self.service, self.auth, *set->kafka != '\0'});
    session_init(self.service, self.auth);
    /* Its own start may ask the database; what else is in the way is told in the same breath. */
    if (err == ERR_OK && self.service->start) err = self.service->start();
    TRY(worst_of(err, listen_all()));
    workers_start(&workers);
    bus_start(&tls);
    ready_start(self.loop, self.service->name, self.relay);
    timers_start(self.service, self.loop);
    reseal_start(self.service, self.loop);
    loop_every(self.loop, 100, unpark_late, NULL);
    if (self.keys) loop_every(self.loop, 60 * 1000, sweep_keys, NULL);
    if (self.service->frames) loop_every(self.loop, 1000, session_tick, NULL);
    if (self.service->effects && pthread_create(&self.effects, NULL, effects_main, NULL) != 0)
        abort();
    return ERR_OK;
}

/* Accept no more, answer what runs, then what hears, then what tells. */
static void stop(void)
{
    workers_stop();
    self.consumer = consumer_stop(self.consumer);
    service_poke_effects();
    if (self.service->effects) pthread_join(self.effects, NULL);
    self.relay = relay_stop(self.relay);
    self.http = http_free(self.http);
    self.keys = self.keys ? keys_free(self.keys) : NULL;
    self.auth = auth_free(self.auth);
    self.loop = loop_free(self.loop);
}

/* Files before the first thread, which would go on without; calls once all is open. What this
 * kernel lacks is told. */
static err_t start_shut_in(void)
{
    const struct setting *const tables[] = {common_settings, self.service->settings, NULL};
    int landlock, calls;

    (void)clock_now_us(); /* a test's clock is a file */
    TRY(sandbox_files(tables, self.settings, &landlock));
    TRY(start());
    TRY(sandbox_calls(&calls));
    crypto_forget(); /* keys of the start */
    log_line(landlock && calls && secret_locked() ? LOG_INFO : LOG_WARN, "hardened",
             "landlock %d, system calls %d, locked memory %s", landlock, calls,
             secret_locked() ? "yes" : "no: raise RLIMIT_MEMLOCK");
    return ERR_OK;
}

static int serve(void)
{
    struct event *term, *intr;

    secret_harden();
    signal(SIGPIPE, SIG_IGN);
    if (start_shut_in() != ERR_OK) return EXIT_MISSING;

    term = evsignal_new(loop_base(self.loop), SIGTERM, on_signal, NULL);
    intr = evsignal_new(loop_base(self.loop), SIGINT, on_signal, NULL);
    signal(SIGTERM, SIG_IGN);    // what event_free() brings back: a second ask, while we drain,
    signal(SIGINT, SIG_IGN);     // must not end us halfway
    event_add(term, NULL);
    event_add(intr, NULL);
    log_line(LOG_INFO, "started", "listening on %s", self.settings->listen);
    loop_run(self.loop, LOOP_TURN_MS_MAX);
    event_free(term);
    event_free(intr);
    stop();
    log_line(LOG_INFO, "stopped", "drained");
    return 0;
}

static int verify(void)
{
    static const struct stmt *const *const sets[] = {io_stmts, app_stmts};
    struct db *db = db_new(self.settings->db_owner, self.service->name);
    bool sound = true;

    for (size_t i = 0; i < 2; i++) sound &= db_verify(db, sets[i], stderr) == ERR_OK;
    if (self.service->stmts) sound &= db_verify(db, self.service->stmts, stderr) == ERR_OK;
    db_free(db);
    return sound ? 0 : EXIT_BUG;
}

static int command(int argc, char **argv)
{
    const struct common_settings *set = self.settings;
    static struct http_tls tls;

    for (const struct command *row = self.service->commands; row && row->name; row++) {
        if (strcmp(row->name, argv[0]) != 0) continue;
        tls = (struct http_tls){set->tls_ca, set->tls_cert, set->tls_key};
        self.keys = *set->keyd ? keys_new(set->keyd, &tls, KEYS_CACHED_MAX) : NULL;
        run_set_service(self.service->name, self.keys);
        const int code = row->run(argc, argv);
        effects_arena = effects_arena ? arena_free(effects_arena) : NULL;
        self.keys = self.keys ? keys_free(self.keys) : NULL;
        return code;
    }
    fprintf(stderr, "%s: no such command: %s\n", self.service->name, argv[0]);
    return EXIT_USAGE;
}

static int settings_read(const struct service *service, const char *file)
{
    const struct setting *const tables[] = {common_settings, service->settings, NULL};
    const size_t bytes =
        service->settings_bytes ? service->settings_bytes : sizeof(struct common_settings);

    self.settings = calloc(1, bytes);
    if (!self.settings) abort();
    return config_load(tables, file, self.settings, stderr) == ERR_OK ? 0 : EXIT_SETTINGS;
}

int service_run(const struct service *service, int argc, char **argv)
{
    const char *file = NULL;
    int mode = 0, letter;

    while ((letter = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if (letter == '?') return EXIT_USAGE;
        if (letter == 'c')
            file = optarg;
        else
            mode = letter;
    }
    self.service = service;
    log_open(service->name, LOG_INFO);
    if (mode == 'd') return describe(service, common_settings);
    if (!file) {
        fprintf(stderr,
                "%s: name the settings: %s --config FILE [--migrate | --health | --verify], or "
                "--describe\n",
                service->name, argv[0]);
        return EXIT_USAGE;
    }
    const int bad = settings_read(service, file);
    if (bad) return bad;
    if (optind < argc) return command(argc - optind, argv + optind);
    if (mode == 'h') return health_ask(self.settings->inner, "/health/ready") ? 0 : EXIT_MISSING;
    if (mode == 'v') return verify();
    if (mode == 'm')
        return !service->migrations || db_migrate(self.settings->db_owner, service->name,
                                                  migration_sets(), stdout) == ERR_OK
                   ? 0
                   : EXIT_MISSING;
    return serve();
}
