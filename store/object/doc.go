// Package object keeps contents under the SHA-256 of their bytes: in files, in S3, Google or Azure buckets, or in memory.
//
// A content is a stream of bytes; its [Digest] is its only name, so equal contents are stored once and a reader can prove what it
// got. Promises, the same for every kind of [Store]:
//
//   - An object is whole or absent. [Writer.Publish] returns after the bytes and the name are durable; before that no reader sees
//     anything. On files: temporary, fsync, rename, fsync of the folder, shared by all writers that wait at the moment (group commit).
//   - Memory is constant whatever the size of a content.
//   - [Store.Verify] and [Store.Copy] compare digests; [Reader] gives any range without reading the rest.
//   - With recipients, contents are sealed with age (age-encryption.org/v1) before they touch the disk or the network; the age
//     program can open them. Names stay the digests of the open content: who holds a file and can list the store learns whether the
//     file is in it.
//   - A full disk, an exhausted budget and a reserve of free space end in an error with code fault.Resource and leave nothing behind.
package object
