//! Tests from outside: the library by its public face, the program by its command line.

mod cascade;
mod command_line;
mod formats;
mod memory;
mod pipeline;
mod preview;
mod rooms;
mod servers;
mod support;
mod viewers;
