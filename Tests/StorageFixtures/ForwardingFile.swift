import Platform

/// A file of the machine, but for what a test changes of it.
public protocol ForwardingFile: File {
  var inner: any File { get }
}

extension ForwardingFile {
  public var path: String { inner.path }

  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws(FileError) -> Int {
    try inner.read(into: buffer, at: offset)
  }
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    try inner.write(bytes, at: offset)
  }
  public func synchronize() throws(FileError) { try inner.synchronize() }
  public func truncate(to length: UInt64) throws(FileError) { try inner.truncate(to: length) }
  public func punch(_ range: Range<UInt64>) throws(FileError) { try inner.punch(range) }
  public func length() throws(FileError) -> UInt64 { try inner.length() }
  public func close() { inner.close() }
}
