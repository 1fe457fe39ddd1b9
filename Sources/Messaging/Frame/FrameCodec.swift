import Wire

/// The binary form of ``Frame``.
///
/// Decoding checks every bound and never traps.
enum FrameCodec {
  static let headerBytes = 44
  static let magic: (UInt8, UInt8) = (0x41, 0x4D)

  /// Writes the header of `frame` into the first ``headerBytes`` of `target`.
  static func encodeHeader(of frame: Frame, into target: UnsafeMutableRawBufferPointer) {
    precondition(target.count >= headerBytes, "no room for a frame header")
    target[0] = magic.0
    target[1] = magic.1
    target[2] = frame.version
    target[3] = frame.kind.rawValue
    store(frame.method, at: 4, in: target)
    store(UInt16(0), at: 6, in: target)
    store(frame.session.high, at: 8, in: target)
    store(frame.session.low, at: 16, in: target)
    store(frame.budgetMilliseconds, at: 24, in: target)
    store(frame.trace.high, at: 28, in: target)
    store(frame.trace.low, at: 36, in: target)
  }

  static func encode(_ frame: Frame) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: headerBytes)
    bytes.withUnsafeMutableBytes { encodeHeader(of: frame, into: $0) }
    bytes.append(contentsOf: frame.payload)
    return bytes
  }

  /// The frame in `source`, or nil for anything that is not one of a known kind.
  ///
  /// Without its payload where only the header is wanted.
  static func decode(_ source: UnsafeRawBufferPointer, headerOnly: Bool = false) -> Frame? {
    guard source.count >= headerBytes, source.count <= MessagingLimits.frameBytes,
      source[0] == magic.0, source[1] == magic.1, let kind = Frame.Kind(rawValue: source[3])
    else { return nil }
    return Frame(
      kind: kind, version: source[2], method: load(at: 4, of: source),
      session: SessionToken(high: load(at: 8, of: source), low: load(at: 16, of: source)),
      budgetMilliseconds: load(at: 24, of: source),
      trace: TraceID(high: load(at: 28, of: source), low: load(at: 36, of: source)),
      payload: headerOnly
        ? [] : [UInt8](UnsafeRawBufferPointer(rebasing: source[headerBytes...])))
  }

  static func decode(_ bytes: [UInt8]) -> Frame? { bytes.withUnsafeBytes { decode($0) } }

  private static func store<Value: FixedWidthInteger>(
    _ value: Value, at offset: Int, in target: UnsafeMutableRawBufferPointer
  ) {
    target.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Value.self)
  }

  private static func load<Value: FixedWidthInteger>(
    at offset: Int, of source: UnsafeRawBufferPointer
  ) -> Value {
    Value(bigEndian: source.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }
}
