// Package result writes and reads what was found in images, as DICOM objects that other programs take: structured reports of measurements
// ([Report], Comprehensive 3D SR or Comprehensive SR by TID 1500), segmentations ([Segmentation], BINARY),
// presentation states with what was drawn ([Presentation]), and pictures that it is drawn into ([Capture]).
//
// Nouns: an [Image] is a picture that results are about, known by its header; a [Reference] is an image, or some of its frames; a [Region] is
// points in one frame; a [Group] is one answer: what it is of, where it lies, its numbers and its words; an [Observer] is who says so, person
// or program; a [Segment] is what a mask shows, a [Plane] its pixels in one frame of an image.
//
// Promises:
//   - A result belongs to the patient and the study of its images: their attributes are copied, never made up.
//   - Points are DICOM's own: (0,0) is the outer corner of the first pixel. Frames are counted from 0 here and from 1 in the files; they are
//     named only of images that have several.
//   - A number keeps its UCUM unit and all of its digits. A unit that does not fit a code value (16 characters) is refused, never cut: mm stays mm.
//   - What is written is read back with the same values; the same input gives the same bytes.
//   - Reading outside bytes ends in values or an error of code input, within bounds. No value is in an error.
package result
