// Package queue hands tasks to workers, at least once each: in SQLite, in PostgreSQL (SKIP LOCKED), or in NATS JetStream, inside the
// process or outside.
//
// A [Task] has a key and a payload. Promises, the same for all kinds of [Queue]:
//
//   - [Queue.Push] returns when the task is on the disk. A key that was pushed before, whatever became of it, is not added again.
//   - [Queue.Pull] leases tasks. Until the lease ends nobody else gets them; a worker that dies, or forgets to extend, loses them to
//     others. Whoever lost a lease cannot finish the task: [ErrLeaseLost].
//   - A task that failed comes again after a pause that doubles, and after the last attempt is a dead letter with the reason; so is
//     one whose workers died every time. Dead letters are kept until they are revived.
//
// Tasks must be idempotent: a worker may do one and die before it says so.
package queue
