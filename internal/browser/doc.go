// Package browser drives a headless Chromium in tests, over the DevTools protocol on a pipe: no network, no driver, no dependency.
// A test that uses it is skipped where Chromium is not installed.
package browser
