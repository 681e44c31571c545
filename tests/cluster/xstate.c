/* Preloaded into user-mode Linux: lets it run on processors whose extended state is longer than its buffers.
 *
 * The host takes the state of a process only whole (EFAULT else), and user-mode Linux knows it up to AVX-512 alone: with AMX
 * there are 8 KiB more. Here the rest of the state is what the process has, and user-mode Linux sees the part that it knows.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* More than any processor has today (11 KiB). */
#define STATE_BYTES 65536
/* Where the state says which of its parts are in use, and the parts that the first 2,688 bytes hold: x87 to AVX-512. */
#define IN_USE_OFFSET 512
#define KNOWN_PARTS UINT64_C(0xff)

static long state(long request, long pid, struct iovec *theirs)
{
	static __thread unsigned char whole[STATE_BYTES];
	struct iovec ours = { whole, sizeof(whole) };
	uint64_t in_use, wanted;
	long result = syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &ours);

	if (result < 0)
		return result;
	if (theirs->iov_len > ours.iov_len)
		theirs->iov_len = ours.iov_len;
	if (request == PTRACE_GETREGSET) {
		memcpy(theirs->iov_base, whole, theirs->iov_len);
		return 0;
	}
	memcpy(&in_use, whole + IN_USE_OFFSET, sizeof(in_use));
	memcpy(whole, theirs->iov_base, theirs->iov_len);
	memcpy(&wanted, whole + IN_USE_OFFSET, sizeof(wanted));
	in_use = (wanted & KNOWN_PARTS) | (in_use & ~KNOWN_PARTS);
	memcpy(whole + IN_USE_OFFSET, &in_use, sizeof(in_use));
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &ours);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list arguments;
	long pid, address, result, word;
	void *data;

	va_start(arguments, request);
	pid = va_arg(arguments, long);
	address = va_arg(arguments, long);
	data = va_arg(arguments, void *);
	va_end(arguments);
	if ((request == PTRACE_GETREGSET || request == PTRACE_SETREGSET) && address == NT_X86_XSTATE)
		return state(request, (pid_t)pid, data);
	/* The system call stores a word that is read, the function returns it. */
	if (request != PTRACE_PEEKTEXT && request != PTRACE_PEEKDATA && request != PTRACE_PEEKUSER)
		return syscall(SYS_ptrace, request, (pid_t)pid, address, data);
	result = syscall(SYS_ptrace, request, (pid_t)pid, address, &word);
	return result < 0 ? result : word;
}
