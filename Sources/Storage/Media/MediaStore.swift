import COpenSSL
import Platform
import Wire

/// One tenant's documents and pictures, each under the SHA-256 of its bytes.
///
/// ``put(_:)`` returns once bytes and name are on the disk; only then may a record name them. All
/// calls block: the engine runs them on a thread of its own.
public struct MediaStore: Sendable {
  /// Largest object.
  public static let maximumBytes = 100 * 1_024 * 1_024

  private let directory: String
  private let files: any FileSystem
  private let random: any RandomSource

  /// `directory` is the tenant's `media` directory; made on first use.
  public init(directory: String, files: any FileSystem, random: any RandomSource) {
    self.directory = directory
    self.files = files
    self.random = random
  }

  /// Stores bytes durably and answers their name; the same bytes twice are stored once.
  public func put(_ bytes: [UInt8]) throws(FileError) -> SHA256Hash {
    let name = SHA256Hash.of(bytes)
    let path = path(name)
    try files.createDirectory(directory)
    // What stands under its name was complete before it was renamed; only the name may be unsynced.
    if try !files.exists(path) {
      let temporary = "\(directory)/.new-\(String(random.uint64(), radix: 16))"
      do throws(FileError) {
        try write(bytes, to: temporary)
        try files.rename(temporary, to: path)
      } catch {
        // The failure is the first one's; a leftover is removed at the next sweep.
        try? files.remove(temporary)
        throw error
      }
    }
    try files.synchronizeDirectory(directory)
    if let slash = directory.lastIndex(of: "/") {
      try files.synchronizeDirectory(String(directory[..<slash]))
    }
    return name
  }

  private func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    let file = try files.open(path, .createNew)
    defer { file.close() }
    try file.write(bytes, at: 0)
    try file.synchronize()
  }

  /// The bytes under a name; nil where there are none or they are not what the name says.
  public func bytes(_ name: SHA256Hash) throws(FileError) -> [UInt8]? {
    let path = path(name)
    guard try files.exists(path) else { return nil }
    let file = try files.open(path, .read)
    defer { file.close() }
    let bytes = try file.bytes(at: 0, count: Int(try file.length()))
    return SHA256Hash.of(bytes) == name ? bytes : nil
  }

  public func contains(_ name: SHA256Hash) throws(FileError) -> Bool {
    try files.exists(path(name))
  }

  /// Removes an object that no row, snapshot or retained record names.
  public func remove(_ name: SHA256Hash) throws(FileError) {
    guard try files.exists(path(name)) else { return }
    try files.remove(path(name))
    try files.synchronizeDirectory(directory)
  }

  /// Removes what an interrupted ``put(_:)`` left; answers how many.
  public func sweep() throws(FileError) -> Int {
    guard try files.exists(directory) else { return 0 }
    let leftovers = try files.list(directory).filter { $0.hasPrefix(".new-") }
    for name in leftovers { try files.remove("\(directory)/\(name)") }
    return leftovers.count
  }

  private func path(_ name: SHA256Hash) -> String { "\(directory)/\(name)" }
}
