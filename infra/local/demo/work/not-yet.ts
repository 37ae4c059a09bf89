/** Something that the work needs is not there yet: another try may find it. */
export class NotYetError extends Error {
  override readonly name = "NotYetError";
}
