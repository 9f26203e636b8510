# Telecura. `make help` says what there is; everything is found from the folders.
MODE     ?= debug
B        ?= build/$(MODE)
G        := $B/gen
SERVICES := $(notdir $(patsubst %/,%,$(dir $(wildcard services/*/main.c))))
WITH_SQL := $(sort $(notdir $(patsubst %/sql/,%,$(dir $(wildcard services/*/sql/*.sql)))))
TOOLS    := $(patsubst tools/%.c,%,$(wildcard tools/*.c))
CLIENTS  := $(notdir $(patsubst %/,%,$(dir $(wildcard clients/*/main.c))))
UNIT     := $(patsubst %.c,$B/%,$(wildcard tests/unit/*/test_*.c))
INTEGRATION := $(patsubst %.c,$B/%,$(wildcard tests/integration/test_*.c tests/integration/*/test_*.c))
FUZZ     := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
PROTOS   := $(wildcard proto/telecura/v1/*.proto)
PKGS     := libevent_openssl libevent_pthreads libevent libpq hiredis rdkafka libprotobuf-c libssl libcrypto libargon2 libseccomp
GENERATED := $(PROTOS:proto/%.proto=$G/%.pb-c.h) $G/common/io/sql.h $G/common/app/sql.h

CC       := gcc
WARN     := -Wall -Wextra -Werror -Wshadow -Wconversion -Wcast-qual -Wformat=2 -Wstrict-prototypes \
            -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla -Wundef -Wimplicit-fallthrough \
            -Wno-missing-field-initializers # rows of tables leave out what is zero
OPT_debug   := -O1 -g3 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPT_tsan    := -O1 -g3 -fno-omit-frame-pointer -fsanitize=thread
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE -pie -Wl,-z,relro,-z,now
CPPFLAGS += -I. -I$G -D_GNU_SOURCE $(shell pkg-config --cflags $(PKGS))
# Only test builds have the door through which a test moves the clock.
CPPFLAGS += $(if $(filter release,$(MODE)),-DTELECURA_RELEASE)
CFLAGS   += -std=gnu17 $(OPT_$(MODE))
LDLIBS   := $(shell pkg-config --libs $(PKGS)) -lwslay -pthread
objs      = $(patsubst %.c,$B/%.o,$(wildcard $(1)))

all: $(SERVICES:%=$B/bin/%) $(TOOLS:%=$B/bin/%) $(CLIENTS:%=$B/bin/%)

$B/libcommon.a: $(call objs,common/*/*.c) $(PROTOS:proto/%.proto=$G/%.pb-c.o) $G/common/io/sql.o $G/common/app/sql.o
define service
$B/lib$(1).a: $(filter-out %/main.o,$(call objs,services/$(1)/*.c)) $(if $(filter $(1),$(WITH_SQL)),$G/services/$(1)/sql.o)
$(call objs,services/$(1)/*.c): | $(if $(filter $(1),$(WITH_SQL)),$G/services/$(1)/sql.h)
$B/bin/$(1): $B/services/$(1)/main.o $B/lib$(1).a $B/libcommon.a
endef
$(foreach s,$(SERVICES),$(eval $(call service,$s)))
# It checks what the audit service wrote, by the same rules.
$B/bin/audit-verify: $(patsubst %,$B/services/audit/%.o,merkle note tiles checkpoint shard)
# Its evidence is a signed note, as the log's checkpoints are.
$B/bin/telectl: $B/services/audit/note.o $B/services/audit/note_sign.o
$B/bin/audit-export: $(patsubst %,$B/services/audit/%.o,store tiles checkpoint shard)
$B/tests/integration/audit/test_audit_verify: | $B/bin/audit-verify
define client
$B/bin/$(1): $(call objs,clients/$(1)/*.c) $B/libcommon.a
endef
$(foreach c,$(CLIENTS),$(eval $(call client,$c)))
$(TOOLS:%=$B/bin/%): $B/bin/%: $B/tools/%.o $B/libcommon.a
# Only these speak to others' servers; the rest shall not carry what libcurl brings along.
$B/bin/notifications $B/bin/fhir $B/bin/telectl $(UNIT) $(INTEGRATION): LDLIBS += $(shell pkg-config --libs libcurl)
$(UNIT) $(INTEGRATION): $B/%: $B/%.o $(SERVICES:%=$B/lib%.a) $(patsubst %.c,$B/%.o,$(wildcard tests/harness/*.c)) $B/libcommon.a
$(UNIT) $(INTEGRATION): LDLIBS += -lcmocka

$(SERVICES:%=$B/bin/%) $(TOOLS:%=$B/bin/%) $(CLIENTS:%=$B/bin/%) $(UNIT) $(INTEGRATION):
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -o $@
$B/%.a:         ; @mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@ $^
# Generated code keeps the compiler's own warnings but not ours.
$G/%.o: $G/%.c  ; @$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@
$B/%.o: %.c | $(GENERATED) ; @mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c $< -o $@
# Its initialisers cast const away, which is their affair.
$G/%.pb-c.c $G/%.pb-c.h &: proto/%.proto
	@mkdir -p $G && protoc-c --c_out=$G -Iproto $< && sed -i 's/(char \*)protobuf/(char *)(uintptr_t)protobuf/g' $G/$*.pb-c.h
# sqlgen FOLDER PREFIX OUT: all statements (*.sql) and migrations of one folder -> OUT/sql.{c,h};
# sql.h is written only when it changed, so that a statement's new body compiles one file.
define sql
$G/$(1)/sql.c: $B/sqlgen $(wildcard $(1)/sql $(1)/sql/*.sql $(1)/sql/migrations $(1)/sql/migrations/*.sql)
	@$B/sqlgen $(2) $(1)/sql $(notdir $(1)) $G/$(1)
$G/$(1)/sql.h: $G/$(1)/sql.c ;
endef
$(foreach s,$(WITH_SQL),$(eval $(call sql,services/$(s))))
$(foreach f,common/io common/app tests/integration,$(eval $(call sql,$(f),--tx)))
$(INTEGRATION): $G/tests/integration/sql.o
$(INTEGRATION:=.o): | $G/tests/integration/sql.h
$B/sqlgen: $(wildcard tools/sqlgen/*.[ch]) ; @mkdir -p $(@D) && $(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -O1 -g $(filter %.c,$^) -o $@

# A test that passes says one line; one that fails says all.
unit: $(UNIT:=.run)
integration: $(INTEGRATION:=.run)
%.run: % ; @$< >$@.out 2>&1 && tail -n 1 $@.out | sed 's|^|$(notdir $<): |' || { cat $@.out; exit 1; }

-include mk/*.mk
-include $(shell find $B -name '*.d' 2>/dev/null)
.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: all unit integration
