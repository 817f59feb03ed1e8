// Package store is the archive: contents ([object.Store]), records of them ([catalog.Catalog]) and tasks (package queue).
//
// An [Archive] joins the first two. [Archive.Put] takes a stream, keeps its bytes as they came, asks the caller to describe them from
// the very bytes that are kept, and returns when content and record are durable, in that order: a record never points at nothing.
// A process killed at any moment loses nothing that was acknowledged and shows nothing half-written; the most it leaves is a
// temporary and a content without a record, which [Archive.Collect] removes and [Archive.Repair] can give their record back.
//
// Everything starts in one folder, with an archive.yaml that names three places: objects (folder, s3://, gs://, azblob://), catalog
// (SQLite file, postgres://) and queue (SQLite file, postgres://, nats://). Growing is changing these.
//
// Archives hold patient data. Contents can be sealed with age; the catalog cannot: put it on an encrypted disk or database.
package store
