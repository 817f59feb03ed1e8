// Package intake takes readings that were made elsewhere into a project: a model's, or earlier ones of people.
//
// [Read] reads files of other programs: DICOM structured reports of TID 1500, segmentations, COCO's JSON, EchoNet's VolumeTracings, and tables of this
// program's own. What it finds are answers to items of the protocol, each with the picture that it is about. [Bring] gives them to the readings of one member,
// under the same rules as any other: the case must be assigned to them, the project checks and measures, and once a reading is locked it stays.
//
// Nouns: a [Source] is a file; a [Refused] is an item of it that is not taken, with the reason; a [Warning] is one that is taken with a reservation; [Pictures]
// finds the picture of the project that a file means by its UID, its digest, its name, or a table.
//
// Promises:
//   - The number of record is computed from the points and the picture's scale. What a file says of the same points is held against it: another size is a
//     reason to refuse, a missing unit one to warn.
//   - The same files a second time add nothing.
//   - One bad item costs nothing but itself, and the lock of its reading.
//   - Outside bytes end in answers or in reasons, within bounds. No value of a file is in a reason.
package intake
