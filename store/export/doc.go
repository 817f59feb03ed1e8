// Package export writes studies out of an archive as files on a folder or medium.
//
// Files have the bytes that came in, checked against their digest, under names that say nothing (DICOM/ST000001/SE000001/IM000001: eight
// characters a part, as PS3.10 8.2 asks for). index.json says which instance each is. With a DICOMDIR (PS3.3 annex F) the folder is a
// DICOM file-set.
//
// An export can be repeated into the same folder: files that are there stay, new instances get new names. A file that is there with other
// bytes is an error, never overwritten.
package export
