/* version - what this tree calls itself; services say it on their inner port. */
#pragma once

#define TELECURA_VERSION "0.1.0"
