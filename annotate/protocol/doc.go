// Package protocol is what a reading study asks of its readers: one YAML file, strict, in numbered revisions that never change once they
// are published.
//
// Nouns: a [Protocol] has a design (who reads what, when, with or without AI) and [Item]s. An item is one question: a label, a number, a
// free text, a measurement, an ejection fraction from traces, a mask, a frame of a cine, a preference between two. Its scope says what it is
// asked of: the exam, each image, any frame, any interval of frames.
//
// Promises: what a file does not say has the default that is written beside it; what does not fit together is an error that names the item
// and says what would; two equal files are the same protocol (Digest).
package protocol
