// Package phantom simulates echocardiograms whose truth is known: a cohort of made-up patients, their cine loops, and the answers.
//
// The nouns:
//
//   - A [Cohort] is a seed and a [Config]; it holds no pictures. Patient and Clip compute what is asked for, in any order.
//   - A [Patient] has a body, a rhythm, one 3D heart, a site and device, wall motion scores, and outcomes with their true risks.
//   - The heart is a truncated prolate ellipsoid with a wall of conserved volume, papillary muscles, a right ventricle, atria,
//     aortic root and valves. A [View] is a plane through it, so that every view of a patient shows the same heart.
//   - A clip is made as a scanner makes it: scatterers fixed in the tissue move with it, are filtered by the point spread function
//     on a grid of 256 depths × 128 beams, get noise, log compression and scan conversion, and an overlay.
//   - [Truth] is everything that is known about a clip: volumes, phases, masks, boxes round burned-in text, pixels of shortcuts.
//
// The promises:
//
//   - The same seed and configuration give the same bytes, whatever the number of workers and the order of the calls.
//   - EDV, ESV, EF and GLS are measured on the drawn geometry (biplane discs; contour length), never copied from a parameter.
//   - Patient(i) does not depend on the number of patients: a larger cohort contains the smaller one.
//   - With Rho = 0 nothing in the tissue pixels depends on the site. With Rho > 0 each confounder agrees with the outcome with
//     probability (1+Rho)/2 at the training sites and (1−Rho)/2 at the test site.
//   - A patient's name, birth date and numbers are invented; no file name contains them.
//
// Lengths are mm, volumes mL, times ms (clips) or s (rhythm), angles degrees in configuration and radians inside, amplitudes
// relative to myocardium.
//
// The physics follows the fast convolution simulators (Gao et al., IEEE TUFFC 2009, COLE; Garcia, Comput Methods Programs Biomed
// 2022, SIMUS), the timing Weissler et al. (Circulation 1968), segments and biplane discs Lang et al. (JASE 2015), K-distributed
// speckle Jakeman and Pusey (IEEE Trans Antennas Propag 1976).
package phantom
