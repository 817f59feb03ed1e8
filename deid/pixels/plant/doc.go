// Package plant burns text into pictures on purpose, so that finding it can be measured: made-up identities, many fonts, sizes, colours
// and outlines, and for every string the truth.
//
// A [Font] is a typeface, of the program itself or of the system. A [Style] says how a string looks. [Burn] draws one and returns its
// [String]: what it says, the smallest rectangle round its ink, and its glyphs as a mask. [Words] invents what devices print. [Object]
// is a DICOM file with strings in known places.
//
// The same stream gives the same pictures, given the same fonts. Nothing here is about anyone.
package plant
