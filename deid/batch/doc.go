// Package batch de-identifies folders: it finds the objects, runs package deid on each, moves the pixel data, checks what was written, and keeps the books.
//
// A [Worker] does one object; [Run] does a tree with many workers. A [Record] says what became of one file, without anything of the patient; all of
// them, in the order of the input's digests, are the manifest. The same key, policy and input give the same bytes, names and manifest, whatever
// the number of workers and however often the run was broken off: names come from the key, and a journal beside the output says what is done.
//
// What can't be read to its end, understood, or shown to be clean after it was written is held back with the reason, never passed and never dropped
// in silence. Files that are no DICOM are never copied.
package batch
