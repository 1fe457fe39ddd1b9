import Platform
import Wire

/// Copies of segments: into a new file, fsynced, before anything is answered from them.
enum SegmentCopy {
  private static let chunkBytes: UInt64 = 1024 * 1024

  static func bytes(
    from source: any File, to target: any File, _ range: Range<UInt64>, at place: UInt64? = nil
  ) throws(FileError) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = min(chunkBytes, range.upperBound - offset)
      let bytes = try source.bytes(at: offset, count: Int(count))
      guard !bytes.isEmpty else { return }
      try target.write(bytes, at: (place ?? range.lowerBound) + offset - range.lowerBound)
      offset += UInt64(bytes.count)
    }
  }

  /// Replaces a file by a durable copy of itself.
  static func verbatim(
    _ source: any File, _ name: String, length: UInt64, _ directory: String,
    _ files: any FileSystem
  ) throws(FileError) {
    let temporary = directory + "/" + name + JournalNames.temporarySuffix
    let target = try files.open(temporary, .create)
    defer { target.close() }
    try bytes(from: source, to: target, 0..<length)
    try target.synchronize()
    try files.rename(temporary, to: directory + "/" + name)
    try files.synchronizeDirectory(directory)
  }
}
