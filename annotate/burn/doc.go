// Package burn draws readings into pictures: outlines, masks and words that any viewer shows, because they are pixels.
//
// A [Mark] is a shape or a mask of one frame with a name and a value; [Draw] gives the frame with its marks. Pictures that are too small for words are
// enlarged by a whole number ([Scale]), so that every pixel stays a square of equal pixels; others keep their size.
//
// Promises: a value is never cut, only a name is; words stay inside of the picture and off each other as long as there is room; the same input gives
// the same pixels; characters that the font lacks are not shown as boxes: [Covers] says which words can be drawn.
package burn
