/// Uploaded media: bytes in memory, the oldest go when the shelf is full.
struct MediaShelf: Sendable {
  struct File: Sendable {
    let id: String
    let mimeType: String
    let sha256: String
    let bytes: [UInt8]
    let filename: String?
    /// The secret part of its address, and until when (Unix milliseconds) it is valid.
    var addresses: [String: Int64] = [:]
  }

  private var files: [String: File] = [:]
  private var order: [String] = []
  private var byteCount = 0

  subscript(id: String) -> File? { files[id] }

  mutating func add(_ file: File) {
    files[file.id] = file
    order.append(file.id)
    byteCount += file.bytes.count
    while byteCount > SimulatorLimits.mediaBytesKept, let oldest = order.first {
      _ = remove(oldest)
    }
  }

  mutating func remove(_ id: String) -> Bool {
    guard let file = files.removeValue(forKey: id) else { return false }
    order.removeAll { $0 == id }
    byteCount -= file.bytes.count
    return true
  }

  /// A new address for a file; those that have ended go.
  mutating func open(_ id: String, token: String, now: Int64) {
    guard var file = files[id] else { return }
    file.addresses = file.addresses.filter { $0.value > now }
    file.addresses[token] = now + SimulatorLimits.mediaAddressSeconds * 1000
    files[id] = file
  }

  /// The largest file of a type in bytes, or nil for a type that Meta does not take.
  static func limit(of mimeType: String) -> Int? {
    let type = mimeType.split(separator: ";")[0].lowercased()
    switch type {
    case "image/jpeg", "image/png": return 5 << 20
    case "image/webp": return 500 << 10
    case "video/mp4", "video/3gpp", "video/3gp": return 16 << 20
    case "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg": return 16 << 20
    case _ where type.hasPrefix("image/") || type.hasPrefix("video/") || type.hasPrefix("audio/"):
      return nil
    default: return SimulatorLimits.maximumMediaBytes
    }
  }
}

/// One upload of a template's sample.
struct UploadSession: Sendable {
  let id: String
  let length: Int
  let mimeType: String
  var received = 0
}
