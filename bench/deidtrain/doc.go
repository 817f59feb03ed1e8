// Command deidtrain trains the two small networks that de-identification carries: the text detector (deid/pixels/text) and the finder of
// the ultrasound sector in single frames (deid/pixels/sector). It needs libtorch; what it makes does not.
//
//	go run ./bench/deidtrain text   -out deid/pixels/text/weights/text.net -steps 2500 -seed 1
//	go run ./bench/deidtrain sector -out deid/pixels/sector/weights/sector.net -steps 900 -seed 1
//
// Text is learnt from strings burned into pictures whose every cell is known (package plant): simulated echocardiograms, real ultrasound,
// MR, CT and radiographs under $CINELOOP_SHARED, pages, noise, and the lines, ticks and curves that scanners draw. Fonts are those of the
// program and of the Debian packages named in scripts/setup; held-out fonts and pictures judge it. The sector is learnt from the echo phantom
// with looks of our own. Each run prints its losses and writes the weights whenever it judges them.
package main
