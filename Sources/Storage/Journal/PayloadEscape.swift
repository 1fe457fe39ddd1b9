/// Keeps out of payloads what a group begins with, so that a tenant's bytes never look like one.
///
/// Of a group that a crash tore nothing may be left but a payload. A whole group in it would end
/// what then looks like damage, with records that nobody wrote; what is behind real damage looks
/// the same. So the bytes of ``GroupFormat/magic`` stand in no payload: one that has them, as it is
/// or compressed, is compressed otherwise, or stored as a Zstandard frame of raw blocks, which a
/// block's header cuts apart. Every reader of format 2 reads either.
enum PayloadEscape {
  /// Magic of Zstandard, no checksum, no dictionary, no length; a window of 128 KiB.
  private static let frameHeader: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x38]
  /// Below what the window allows.
  private static let blockBytes = 64 * 1_024
  /// The first bytes of the magic, behind which the last block's header may begin with the last.
  private static let almost: [UInt8] = [0x41, 0x4A, 0x47]

  static func isNeeded(_ payload: [UInt8]) -> Bool {
    payload[...].firstIndex(ofMagic: GroupFormat.magic) != nil
  }

  /// Stands for a payload that has the magic as it is, or compressed as usual.
  static func coded(_ payload: [UInt8]) -> [UInt8] {
    let compressed = payload.withUnsafeBytes {
      PayloadCompression.shared.compressLiterals($0)
    }
    guard let compressed, !isNeeded(compressed) else { return frame(payload) }
    return compressed
  }

  /// A frame that stands for `payload`; at most three quarters longer, where it is nothing else.
  static func frame(_ payload: [UInt8]) -> [UInt8] {
    var writer = ByteWriter(capacity: payload.count + 64)
    writer.raw(frameHeader)
    var begin = 0
    while begin < payload.count {
      let end = blockEnd(payload, from: begin)
      // Last one?, type 0 (raw) in two bits, size.
      let header = UInt32(end - begin) << 3 | (end == payload.count ? 1 : 0)
      writer.byte(UInt8(truncatingIfNeeded: header))
      writer.integer(UInt16(truncatingIfNeeded: header >> 8))
      writer.raw(payload[begin..<end])
      begin = end
    }
    return writer.bytes
  }

  /// In the middle of the next magic, where there is one.
  ///
  /// With no size does a raw block's header go on with "G1", or begin the magic itself.
  private static func blockEnd(_ payload: [UInt8], from begin: Int) -> Int {
    let limit = min(begin + blockBytes, payload.count)
    if let index = payload[begin..<limit].firstIndex(ofMagic: GroupFormat.magic) {
      return index + 2
    }
    guard limit < payload.count, payload[begin..<limit].suffix(3).elementsEqual(almost) else {
      return limit
    }
    return limit - 1
  }
}
