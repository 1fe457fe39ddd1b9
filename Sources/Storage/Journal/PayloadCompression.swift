import CZstd
import Synchronization

/// Compresses payloads one by one; ``PayloadDictionary`` stands for what came before.
///
/// Level −1 takes 6 to 8 µs for a kilobyte, a fifth of zlib's fastest, for nearly the same size.
final class PayloadCompression: Sendable {
  /// A shorter payload has too little to find.
  static let shortestPayload = 256
  static let level: Int32 = -1
  /// The first level that does not leave literals as they are.
  private static let literalsLevel: Int32 = 1

  static let shared = PayloadCompression()

  private struct Contexts: @unchecked Sendable {
    var compressing: [OpaquePointer] = []
    var reading: [OpaquePointer] = []
  }
  /// Those that no thread uses now; as many as there were threads at once.
  private let idle = Mutex(Contexts())
  // Immutable once made; libzstd reads them from any thread.
  private nonisolated(unsafe) let writeDictionary: OpaquePointer
  private nonisolated(unsafe) let readDictionary: OpaquePointer

  private init() {
    let bytes = PayloadDictionary.version2
    guard let write = ZSTD_createCDict(bytes, bytes.count, Self.level),
      let read = ZSTD_createDDict(bytes, bytes.count)
    else { preconditionFailure("no memory for a dictionary") }
    writeDictionary = write
    readDictionary = read
  }

  /// The compressed form of `payload`; nil where it would not be an eighth shorter.
  func compress(_ payload: UnsafeRawBufferPointer) -> [UInt8]? {
    guard payload.count >= Self.shortestPayload else { return nil }
    let context = idle.withLock { $0.compressing.popLast() } ?? makeCompressing()
    defer { idle.withLock { $0.compressing.append(context) } }
    return Self.compress(payload, in: context)
  }

  /// The same with literals coded too, so that what stood among them is there no more.
  ///
  /// For few payloads: nothing is kept for it.
  func compressLiterals(_ payload: UnsafeRawBufferPointer) -> [UInt8]? {
    guard payload.count >= Self.shortestPayload else { return nil }
    let context = makeCompressing(level: Self.literalsLevel)
    defer { ZSTD_freeCCtx(context) }
    let dictionary = PayloadDictionary.version2
    let loaded = ZSTD_CCtx_loadDictionary(context, dictionary, dictionary.count)
    guard ZSTD_isError(loaded) == 0 else { preconditionFailure("no memory for a dictionary") }
    return Self.compress(payload, in: context)
  }

  private static func compress(
    _ payload: UnsafeRawBufferPointer, in context: OpaquePointer
  ) -> [UInt8]? {
    let room = payload.count - payload.count / 8
    let compressed = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      let written = ZSTD_compress2(
        context, buffer.baseAddress, room, payload.baseAddress, payload.count)
      // The only expected error: it does not fit into the room.
      count = ZSTD_isError(written) == 0 ? written : 0
    }
    return compressed.isEmpty ? nil : compressed
  }

  /// The payload of `length` bytes that `compressed` stands for.
  ///
  /// Throws ``JournalError/malformed(_:)`` where it stands for anything else. Allocates no more
  /// than `length`, which the caller has bounded.
  func decompress(
    _ compressed: [UInt8], length: Int
  ) throws(JournalError) -> [UInt8] {
    let context = idle.withLock { $0.reading.popLast() } ?? makeReading()
    defer { idle.withLock { $0.reading.append(context) } }
    let payload = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      let read = ZSTD_decompress_usingDDict(
        context, buffer.baseAddress, length, compressed, compressed.count, readDictionary)
      count = ZSTD_isError(read) == 0 ? read : 0
    }
    guard payload.count == length, length > 0 else {
      throw JournalError.malformed("a payload that does not decompress to its length")
    }
    return payload
  }

  private func makeCompressing() -> OpaquePointer {
    let context = makeCompressing(level: Self.level)
    ZSTD_CCtx_refCDict(context, writeDictionary)
    return context
  }

  private func makeCompressing(level: Int32) -> OpaquePointer {
    guard let context = ZSTD_createCCtx() else { preconditionFailure("no memory for zstd") }
    // The header has the length, this dictionary is the only one, and the CRC is the record's.
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0)
    ZSTD_CCtx_setParameter(context, ZSTD_c_dictIDFlag, 0)
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
    return context
  }

  private func makeReading() -> OpaquePointer {
    guard let context = ZSTD_createDCtx() else { preconditionFailure("no memory for zstd") }
    return context
  }
}
