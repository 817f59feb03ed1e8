// Package pixels takes text out of pictures: it is the house's deid.Masker.
//
// A [Masker] looks at an object in this order, and each stage adds to one mask over all frames:
//
//  1. Rules. Device rules of the policy decide before anything else; kinds of objects that hold no picture of a screen (original slices of
//     CT, MR and PET, segmentations, dose) are passed by name of the rule, unless their values stand out as drawn ones do ([Plateau]) or their
//     header says that text is burned in. That it says there is none is not believed.
//  2. The scanning sector of ultrasound (package sector). What lies outside is blanked where the policy says so.
//  3. Text (package text) on every frame of a short loop; of a longer one on the first, middle and last frame, on every frame on which strokes
//     appear that no examined frame has ([Surprises]), and on the largest values over parts of the loop; on the mean and the minimum over
//     time; and strokes that stand still where all else moves ([Still]).
//  4. The patient's own words (deid.MaskInput.Tokens): faint writing that the detector alone would let pass is masked if it correlates
//     with one of them as the program's fonts render it.
//
// Frames with a mask are rewritten by package rewrite: every pixel outside of the mask stays what it was. What can't be decoded, found or
// written goes to the quarantine with a reason. No engine, no other program and no network is needed; the same object and policy give the
// same mask on every machine.
package pixels
