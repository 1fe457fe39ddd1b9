import CNNG

/// One message of NNG's; whoever holds it frees it or hands it on.
struct NNGMessage: Sendable {
  private let handle: NNGHandle

  var pointer: OpaquePointer { handle.pointer }

  init(_ pointer: OpaquePointer) { handle = NNGHandle(pointer) }

  /// A message of `count` bytes filled by `write`; nil where memory is exhausted.
  init?(count: Int, _ write: (UnsafeMutableRawBufferPointer) -> Void) {
    var message: OpaquePointer?
    guard nng_msg_alloc(&message, count) == 0, let message, let body = nng_msg_body(message) else {
      return nil
    }
    write(UnsafeMutableRawBufferPointer(start: body, count: count))
    handle = NNGHandle(message)
  }

  /// `frame` in its binary form, the payload copied once.
  init?(_ frame: Frame) {
    self.init(count: FrameCodec.headerBytes + frame.payload.count) { body in
      FrameCodec.encodeHeader(of: frame, into: body)
      UnsafeMutableRawBufferPointer(rebasing: body[FrameCodec.headerBytes...])
        .copyBytes(from: frame.payload)
    }
  }

  func withBytes<Result>(_ read: (UnsafeRawBufferPointer) -> Result) -> Result {
    read(UnsafeRawBufferPointer(start: nng_msg_body(pointer), count: nng_msg_len(pointer)))
  }

  /// What stands behind the header of the frame in this message.
  var payloadBytes: Int { max(0, nng_msg_len(pointer) - FrameCodec.headerBytes) }

  func free() { nng_msg_free(pointer) }

  /// The header of the frame in this message, with the payload where it is small and wanted at
  /// once; nil where there is none.
  ///
  /// A request's payload is read by the task that serves it.
  func frameToReceive() -> Frame? {
    withBytes { bytes in
      guard let header = FrameCodec.decode(bytes, headerOnly: true) else { return nil }
      return header.kind == .request ? header : FrameCodec.decode(bytes)
    }
  }

  /// The frame in this message, which is freed; nil where there is none.
  func takeFrame() -> Frame? {
    defer { free() }
    return withBytes { FrameCodec.decode($0) }
  }
}
