// Package ingest brings DICOM objects from folders, ZIP and TAR files into an archive.
//
// A source is searched to any depth: folders in folders, archives in archives. What is not DICOM is skipped and counted by kind; what
// claims to be DICOM and cannot be read, or lacks the UIDs to find it again, goes to quarantine with the reason. Links are not
// followed. Nothing in the source is changed.
//
// A run may be broken off at any moment and repeated: files that an earlier run dealt with are recognised by path, size and time of
// change and are not read again.
package ingest
