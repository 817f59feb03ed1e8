// Package dicomweb puts an archive behind the DICOMweb server of dicom/web.
//
// Searches are answered from the catalog. Attributes that it does not keep can be asked for: they are then read from the headers of one
// instance that stands for the study or series. Conditions on them are refused, never passed over.
//
// What comes in is described by the rules of package ingest. A file that they can't describe is refused and not kept: unlike a file
// found on a medium it has a sender, who is told. Other content under a known SOP Instance UID is kept beside it, by the archive's rule.
package dicomweb
