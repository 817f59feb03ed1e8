// Package ejection measures the left ventricle's volume from masks of its cavity, finds beats in a curve of sizes, and averages the
// ejection fraction over them.
//
// Methods: area–length in one plane, Simpson's discs in one or two planes (Lang et al., "Recommendations for cardiac chamber
// quantification", J Am Soc Echocardiogr 2015;28:1), and the sum over slices of a short-axis stack. Lengths are mm, volumes mL.
//
// Promises: plain functions on slices; no files, no engine; NaN where a mask does not define a volume.
package ejection
