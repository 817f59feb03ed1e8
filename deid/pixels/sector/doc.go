// Package sector finds the scanning sector of ultrasound pictures: where the tissue is, and outside of which only a scanner's furniture is.
//
// [Find] takes a [Clip] (the frames' summary) and what the header says, and answers with a [Sector]: the pixels of each field, as a fan
// (two lines and two arcs), a rectangle, or, where neither fits, the found shape itself, and how sure it is. Evidence comes from the regions
// of (0018,6011), from change over time, and from a small network that sees one picture (trained by bench/deidtrain on made-up screens).
//
// Tissue is never outside on purpose: what moves or looks like tissue and touches the field belongs to it.
package sector
