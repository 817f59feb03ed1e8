// Package sources finds cases for a reading study: in a folder of DICOM files, or in an archive by a query of its catalogue.
//
// A case is what somebody reads at once: a study, a series or an image ([Each]). Its pictures are in the order of series and instance numbers.
// Reports, segmentations and presentation states have no picture and are passed over: results of others are not for those who are to read.
//
// Promises: what can't be read is counted with its reason and stops nothing; the order is the same whatever the file system gives; the
// patient of a case is a pseudonym, the header's own where it says that the identity was removed.
package sources
