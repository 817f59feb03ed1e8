// Package export writes a study's readings for other programs: CSV, COCO's JSON, masks as NIfTI, DICOM SR, SEG, GSPS and labelled
// secondary captures, and a ground truth that is signed.
//
// [Write] makes a folder with the formats asked for and a manifest: every file with size and SHA-256, the protocol's revision, the log's last
// entry, and the readers' masks. [WriteTruth] makes a snapshot of what is taken to be so: labels by case as a cohort reads them, with soft
// labels and the spread between readers, signed with a project's key.
//
// Promises: readers are masked; equal projects give equal bytes; a folder is whole or has no manifest; text that a spreadsheet would take for a
// formula is quoted.
package export
