// Package tensorboard writes training curves as TensorBoard event files, and reads them back.
//
// An event file is a sequence of TFRecords: length, masked CRC-32C of the length, one serialised tensorflow.Event, masked CRC-32C of
// it. Only scalars are written. The encoding is done here, in a page of code on protobuf's own wire package, because the
// alternatives are TensorFlow's generated messages (tens of thousands of lines for four fields) or a writer that leaves out the
// checksums, whose files TensorBoard stops reading at the first record.
//
// Sources: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto, tensorflow/core/lib/io/record_writer.cc.
package tensorboard
