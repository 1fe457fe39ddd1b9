import CNNG

/// A C object of NNG or of the shim.
///
/// `@unchecked Sendable`: these objects are made for use by many threads (contexts, aios) or have
/// one owner at a time (messages); the pointer itself never changes.
struct NNGHandle: @unchecked Sendable {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  /// Calls a C function that answers 0 and an object, or an error's number.
  static func open(_ body: (UnsafeMutablePointer<OpaquePointer?>) -> Int32) throws(NNGError)
    -> NNGHandle
  {
    var pointer: OpaquePointer?
    try NNGError.check(body(&pointer))
    guard let pointer else { throw NNGError(code: Int32(NNG_ENOMEM.rawValue)) }
    return NNGHandle(pointer)
  }
}

/// An error of NNG by its number.
struct NNGError: Error, CustomStringConvertible {
  let code: Int32

  static func check(_ code: Int32) throws(NNGError) {
    if code != 0 { throw NNGError(code: code) }
  }

  var description: String { String(cString: nng_strerror(code)) }
}
