// Package twin computes two SHA-256 digests at once, of an input and of the output that is made from it.
//
// The SHA instructions of a processor of today are bound by their latency: one message alone uses half of the unit. A [Pair] keeps two messages in step
// and feeds both to one loop, at nearly the price of one. Digests are SHA-256 to the bit; padding, odd ends and processors without the instructions are
// left to crypto/sha256, with which the state is exchanged.
package twin
