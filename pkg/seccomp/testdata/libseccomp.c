/*
 * libseccomp's own answers, for TestLibseccomp…
 *
 *	libseccomp calls ARCH    prints its calls, "NUMBER NAME" a line
 *	libseccomp filter        reads a filter, prints its program, struct sock_filter
 *
 * A filter is lines, in this order: "optimize LEVEL", "default ACTION", "arch ARCH" once or
 * more, the kernel's own first, and "rule ACTION NAME [INDEX OPERATOR A B]...", as runc's
 * libcontainer/seccomp adds them. Actions and values are hexadecimal, operators are enum
 * scmp_compare's. A name that libseccomp does not know is left out, as runc does. The exit
 * status is 3 where libseccomp refuses a rule that contradicts another one.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static void die(const char *what, const char *of, int rc)
{
	fprintf(stderr, "libseccomp: %s %s: %s\n", what, of, strerror(-rc));
	exit(1);
}

static uint32_t arch(const char *name)
{
	uint32_t token = seccomp_arch_resolve_name(name);
	if (!token)
		die("no architecture", name, -EINVAL);
	return token;
}

static int calls(const char *name)
{
	static const struct { unsigned first, last; } ranges[] = {
		{ 0, 1200 }, { 0xf0000, 0xf0010 }, { 0x40000000, 0x40000000 + 1200 },
	};
	for (unsigned i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		for (unsigned n = ranges[i].first; n <= ranges[i].last; n++) {
			char *call = seccomp_syscall_resolve_num_arch(arch(name), n);
			if (call)
				printf("%u %s\n", n, call);
			free(call);
		}
	return 0;
}

static void rule(scmp_filter_ctx ctx, char *text)
{
	struct scmp_arg_cmp args[6];
	unsigned n = 0, action, used;
	char name[100];
	int at, rc;

	if (sscanf(text, "%x %99s%n", &action, name, &at) != 2)
		die("rule", text, -EINVAL);
	int call = seccomp_syscall_resolve_name(name);
	if (call == __NR_SCMP_ERROR)
		return;
	for (text += at; n < 6; text += used, n++) {
		unsigned index, op;
		unsigned long long a, b;
		if (sscanf(text, " %u %u %llx %llx%n", &index, &op, &a, &b, &used) != 4)
			break;
		args[n] = (struct scmp_arg_cmp){ index, op, a, b };
	}
	rc = seccomp_rule_add_array(ctx, action, call, n, args);
	if (rc == -EEXIST)
		exit(3);
	if (rc)
		die("rule of", name, rc);
}

static int filter(void)
{
	static char line[4096], word[100];
	scmp_filter_ctx ctx = NULL;
	unsigned value, level = 1, archs = 0;
	int rc;

	/* libseccomp can loop for ever, where some rules of one call are added. */
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){ .it_value = { 0, 100000 } }, NULL);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "optimize %u", &value) == 1) {
			level = value;
		} else if (sscanf(line, "default %x", &value) == 1) {
			ctx = seccomp_init(value);
			if (!ctx)
				die("default", line, -EINVAL);
			rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, level);
			if (rc)
				die("optimize", line, rc);
		} else if (sscanf(line, "arch %99s", word) == 1) {
			/* The first is in the place of this machine's. */
			if (!archs++ && arch(word) != seccomp_arch_native()) {
				rc = seccomp_arch_remove(ctx, seccomp_arch_native());
				if (rc)
					die("remove", "this machine's architecture", rc);
			}
			rc = seccomp_arch_add(ctx, arch(word));
			if (rc && rc != -EEXIST)
				die("add", word, rc);
		} else if (!strncmp(line, "rule ", 5)) {
			rule(ctx, line + 5);
		} else {
			die("line", line, -EINVAL);
		}
	}
	rc = seccomp_export_bpf(ctx, 1);
	if (rc)
		die("export", "", rc);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "calls"))
		return calls(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "filter"))
		return filter();
	fprintf(stderr, "usage: libseccomp calls ARCH | filter\n");
	return 2;
}
