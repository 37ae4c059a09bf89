// Listens on the socket named by its argument until it is killed: whoever connects sees the end of its life.
import { createServer } from "node:net";

createServer().listen(process.argv[2]);
