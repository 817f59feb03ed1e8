// Package ul is the DICOM upper layer over TCP or TLS: associations by the state machine of PS3.8 section 9.2.
//
// [Transition] is the standard's table 9-10 as a function. An [Association] lives by it: what the local side asks and what the
// peer sends are events, and what happens is the table's action. One goroutine reads ([Association.Next]); any may send, release or abort.
//
// Promises:
//   - A peer that says nothing, stops in the middle of a unit, or takes nothing costs one connection until a time-out ends it.
//   - Memory is bounded: one buffer for the unit being read, no longer than what was announced, and one for the unit being written.
//   - Whoever reads slowly makes the peer wait: nothing is queued.
//   - No goroutine is started here; Close, a lost connection and a time-out each end Next.
package ul
