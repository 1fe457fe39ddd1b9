import COpenSSL

/// Text in and out of libcrypto's memory streams.
enum PEMText {
  /// What `write` puts into a stream.
  static func written(
    _ step: String, _ write: (OpaquePointer) -> Int32
  ) throws(CertificateError) -> String {
    guard let stream = BIO_new(BIO_s_mem()) else { throw .last(step) }
    defer { BIO_free(stream) }
    guard write(stream) == 1 else { throw .last(step) }
    var bytes = [UInt8]()
    var chunk = [UInt8](repeating: 0, count: 1_024)
    while true {
      let count = BIO_read(stream, &chunk, Int32(chunk.count))
      guard count > 0 else { break }
      bytes += chunk[..<Int(count)]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What `read` takes from `text`.
  static func read(
    _ text: String, as what: String, _ read: (OpaquePointer) -> OpaquePointer?
  ) throws(CertificateError) -> OpaquePointer {
    let bytes = Array(text.utf8)
    guard let stream = BIO_new_mem_buf(bytes, Int32(bytes.count)) else { throw .last(what) }
    defer { BIO_free(stream) }
    guard let object = read(stream) else {
      ERR_clear_error()
      throw .unreadable(what)
    }
    return object
  }
}
