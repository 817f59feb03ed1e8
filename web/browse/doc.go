// Package browse is the page of an archive: studies with a search that answers while one types, and a viewer that scrolls through stacks
// and plays cine loops at the rate of their frame times.
//
// A Page is server-rendered HTML with a little script and style of its own, all embedded: it needs nothing from outside and works where
// there is no internet. A stack is what the viewer shows as one thing: all single-frame images of a series, or one multi-frame instance.
// Pictures come from the DICOMweb service beside it.
//
// Promises: what is searched for travels in the body of a request, never in a URL; the content security policy allows scripts, styles,
// pictures and requests of the same origin only; everything works with the keyboard, in light and dark, and on a telephone. Pictures are
// previews: nothing is measured in them.
package browse
