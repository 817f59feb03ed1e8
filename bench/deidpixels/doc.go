// Command deidpixels measures what taking text out of pictures does and costs: strings in fonts that the detector has not learnt are planted
// into phantom clips and into real pictures under $CINELOOP_SHARED, every object goes through the masker, is read again, and is judged.
//
//	go run ./bench/deidpixels [-objects 60] [-seed 11] [-read]
//
// It prints, by source, height and contrast of the strings: how many are covered (more than 80 % of the box), legible (correlation with the ink
// above 0.35 in the first, middle or last frame that shows the string), and, with -read, recognised by tesseract before and after; then the
// share of the sector's pixels away from strings that are what they were, the agreement of the sector with the phantom's truth, what is
// marked in pictures without strings, and processor seconds for each examined frame.
package main
