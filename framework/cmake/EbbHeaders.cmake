# The public headers under build/include/ebb, as an installation has them: made when they change, see
# public_headers.cmake. Sets EBB_INCLUDE, the folder to include from.
set(EBB_INCLUDE ${PROJECT_BINARY_DIR}/include)
set(parts framework optim data models)
if(EBB_BUILD_LAB)
  list(APPEND parts lab)
endif()
list(TRANSFORM parts APPEND /*.h)
file(GLOB_RECURSE public_headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${parts})
file(STRINGS framework/cmake/private_headers.txt private_headers REGEX "^[^#]")
list(REMOVE_ITEM public_headers ${private_headers})
list(JOIN public_headers "\n" lines)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/public_headers.txt CONTENT "${lines}\n" @ONLY)

list(TRANSFORM public_headers PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE header_files)
list(TRANSFORM public_headers PREPEND ${EBB_INCLUDE}/ebb/ OUTPUT_VARIABLE written_headers)
set(script ${CMAKE_CURRENT_LIST_DIR}/public_headers.cmake)
set(stamp ${PROJECT_BINARY_DIR}/public_headers.stamp)
# The written headers are named: else what includes them would be found out of date by the next build only.
add_custom_command(OUTPUT ${stamp}
  BYPRODUCTS ${written_headers} ${EBB_INCLUDE}/ebb/ebb.h
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DHEADERS=${PROJECT_BINARY_DIR}/public_headers.txt
    -DOUTPUT=${EBB_INCLUDE} -P ${script}
  COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
  DEPENDS ${header_files} ${PROJECT_BINARY_DIR}/public_headers.txt ${script}
  COMMENT "Public headers in ${EBB_INCLUDE}"
  VERBATIM)
add_custom_target(ebb_headers ALL DEPENDS ${stamp})
