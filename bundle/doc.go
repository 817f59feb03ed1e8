// Package bundle keeps a trained model in one file or folder that can be handed on: weights, plan, preprocessing, thresholds, card.
//
// Nouns. A bundle is a set of files and a [Manifest], bundle.json, that names each with its size and SHA-256. A [Signature],
// bundle.sig.json, vouches for the manifest, and so for every file. A [Card] says what the model is for, what it was made from, how well
// it does and where it must not be trusted. A [Bundle] is one that was opened.
//
// A bundle is a folder, or one ZIP file without compression whose members lie in the manifest's order, so that any program can look in.
//
// Promises.
//   - Equal content gives equal bytes: no times, no names of machines or people, a fixed order.
//   - Nothing is read out of a bundle before its bytes have the size and digest that the manifest gives; a file that the manifest does not
//     name, one that is missing, twice there, or reached through a link makes the whole bundle unreadable.
//   - A signature that does not hold is an error everywhere, not a warning. A bundle without one is read, and it is said.
//   - Reading takes memory in proportion to what is asked for, whatever the bundle claims about itself.
package bundle
