// Package scan says how a picture was made, by its header: frame rate, MR contrast, ultrasound modes, view, calibration.
//
// Every answer names the attribute or rule that it comes from, or how sure it is; nothing is assumed, and what the header does not say is empty
// or zero. Nothing here identifies a patient.
package scan
