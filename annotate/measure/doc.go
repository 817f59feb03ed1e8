// Package measure turns what a reader drew into numbers of record: image points and the calibration of that very frame go in, lengths,
// areas, angles, times and volumes with their units come out.
//
// Nouns: a [Point] is a place in a frame in pixels, (0,0) being the outer corner of the first pixel, as DICOM's SCOORD has it; a [Shape]
// is what was drawn; a [Calibration] says what a pixel is worth in one frame, and where it stands in the header; a [Value] is a number
// with its UCUM unit; a [Result] is a shape's values with the scale that made them.
//
// Promises:
//   - The browser's numbers are pictures: nothing here takes one.
//   - Every result says which attribute its scale comes from. Without a scale values are in pixels, and the result says so; a scale that
//     holds with reservations (at the detector, on a scanned film) carries the reservation.
//   - Ultrasound is measured by region: points in regions with different scales are refused with words, time axes are not lengths,
//     pixels need not be square, deltas may be negative, and a region that does not fit its picture (cut or resized afterwards) has no scale.
//   - An outline that crosses itself has no area.
//   - Lengths are mm, areas mm², volumes mL, times ms, angles degrees, velocities cm/s.
package measure
