// Package bucket reads and writes named files in object storage, for work whose files keep the names that it gives them; archives, whose contents go by digest,
// are package object's.
//
// A [Bucket] is a place s3://bucket/prefix?region=…, gs://… or azblob://…, credentials from the cloud's own configuration. An upload is visible whole or not
// at all. Errors have the codes of internal/fault and no object's name.
package bucket
